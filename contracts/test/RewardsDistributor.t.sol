// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Claim, IRewardsDistributor} from "../src/interfaces/IRewardsDistributor.sol";
import {Economy} from "./support/Economy.sol";

contract RewardsDistributorTest is Economy {
    function setUp() external {
        deployEconomy(0);
    }

    /// @dev Posts a root of two accounts, funded with what it adds.
    function post(uint64 epoch, uint256 alice, uint256 bob) private {
        uint256 added = alice + bob - distributor.funded();
        vm.prank(ALICE);
        io.transfer(address(distributor), added);
        vm.prank(address(settlement));
        distributor.fund(epoch, pair(rewardLeaf(ALICE, alice), rewardLeaf(BOB, bob)), added);
    }

    function test_paysTheDifferenceToTheLastClaim() external {
        post(0, 5e18, 3e18);
        vm.expectEmit(true, true, true, true, address(distributor));
        emit IRewardsDistributor.Claimed(BOB, BOB, 3e18, 3e18);
        vm.assertEq(distributor.claim(BOB, 3e18, proof(rewardLeaf(ALICE, 5e18))), 3e18);
        vm.assertEq(io.balanceOf(BOB), 3e18);

        post(1, 6e18, 3e18 + 1);
        vm.assertEq(distributor.claim(BOB, 3e18 + 1, proof(rewardLeaf(ALICE, 6e18))), 1);
        vm.assertEq(io.balanceOf(BOB), 3e18 + 1);
        vm.assertEq(distributor.claimed(), 3e18 + 1);
        vm.assertEq(distributor.claimedBy(BOB), 3e18 + 1);
        vm.assertEq(distributor.funded(), 9e18 + 1);
    }

    function test_paysToThePayoutAddress() external {
        post(0, 5e18, 3e18);
        vm.prank(BOB);
        distributor.setPayout(address(0xC01D));
        vm.expectEmit(true, true, true, true, address(distributor));
        emit IRewardsDistributor.Claimed(BOB, address(0xC01D), 3e18, 3e18);
        distributor.claim(BOB, 3e18, proof(rewardLeaf(ALICE, 5e18)));
        vm.assertEq(io.balanceOf(address(0xC01D)), 3e18);
        vm.assertEq(io.balanceOf(BOB), 0);
    }

    function test_paysNothingTwice() external {
        post(0, 5e18, 3e18);
        bytes32[] memory siblings = proof(rewardLeaf(ALICE, 5e18));
        distributor.claim(BOB, 3e18, siblings);
        vm.expectRevert(abi.encodeWithSelector(IRewardsDistributor.NothingToClaim.selector, BOB, 3e18));
        distributor.claim(BOB, 3e18, siblings);
    }

    function testFuzz_refusesWhatIsNotInTheRoot(address account, uint256 cumulative, bytes32 sibling)
        external
    {
        post(0, 5e18, 3e18);
        bytes memory reason =
            abi.encodeWithSelector(IRewardsDistributor.InvalidProof.selector, account, cumulative);
        vm.expectRevert(reason);
        distributor.claim(account, cumulative, proof(sibling));
        vm.expectRevert(reason);
        distributor.claim(account, cumulative, new bytes32[](0));
    }

    function testFuzz_paysAnyLeafOfTheRoot(address account, uint256 cumulative, bytes32 sibling) external {
        vm.assume(account != address(0));
        cumulative = bound(cumulative, 1, GENESIS);
        vm.prank(ALICE);
        io.transfer(address(distributor), cumulative);
        vm.prank(address(settlement));
        distributor.fund(0, pair(rewardLeaf(account, cumulative), sibling), cumulative);
        vm.assertEq(distributor.claim(account, cumulative, proof(sibling)), cumulative);
        vm.assertEq(distributor.claimedBy(account), cumulative);
    }

    function test_refusesAnOldRootsLeaf() external {
        post(0, 5e18, 3e18);
        post(1, 6e18, 4e18);
        vm.expectRevert(abi.encodeWithSelector(IRewardsDistributor.InvalidProof.selector, BOB, 3e18));
        distributor.claim(BOB, 3e18, proof(rewardLeaf(ALICE, 5e18)));
    }

    function test_refusesEverythingBeforeTheFirstRoot() external {
        vm.expectRevert(abi.encodeWithSelector(IRewardsDistributor.InvalidProof.selector, BOB, 0));
        distributor.claim(BOB, 0, new bytes32[](0));
    }

    function claims() private pure returns (Claim[] memory both) {
        both = new Claim[](2);
        both[0] = Claim(ALICE, 5e18, proof(rewardLeaf(BOB, 3e18)));
        both[1] = Claim(BOB, 3e18, proof(rewardLeaf(ALICE, 5e18)));
    }

    function test_claimsForManyAtOnceAndSkipsWhoWasPaid() external {
        post(0, 5e18, 3e18);
        uint256 before = io.balanceOf(ALICE);
        vm.assertEq(distributor.claimMany(claims()), 8e18);
        vm.assertEq(io.balanceOf(ALICE), before + 5e18);
        vm.assertEq(io.balanceOf(BOB), 3e18);
        vm.assertEq(distributor.claimMany(claims()), 0);
    }

    function test_claimsForManyOrForNobody() external {
        post(0, 5e18, 3e18);
        Claim[] memory both = claims();
        both[1].cumulative += 1;
        vm.expectRevert(abi.encodeWithSelector(IRewardsDistributor.InvalidProof.selector, BOB, 3e18 + 1));
        distributor.claimMany(both);
    }

    function test_isFundedBySettlementOnly() external {
        vm.expectRevert(
            abi.encodeWithSelector(
                IRewardsDistributor.Unauthorized.selector, address(this), address(settlement)
            )
        );
        distributor.fund(0, 0, 0);
    }

    function test_refusesARootThatIsNotFunded() external {
        vm.prank(ALICE);
        io.transfer(address(distributor), 1e18 - 1);
        vm.prank(address(settlement));
        vm.expectRevert(abi.encodeWithSelector(IRewardsDistributor.NotFunded.selector, 1e18 - 1, 1e18));
        distributor.fund(0, "root", 1e18);
    }

    /// @dev A false root was active, somebody has replaced what it took, and all was claimed: the next epoch goes on.
    function test_isFundedOnWhereMoreWasClaimedThanFunded() external {
        post(0, 5e18, 3e18);
        address thief = address(0x7E1F);
        vm.prank(address(settlement));
        distributor.fund(1, rewardLeaf(thief, 8e18), 0);
        distributor.claim(thief, 8e18, new bytes32[](0));
        vm.prank(ALICE);
        io.transfer(address(distributor), 8e18);
        vm.prank(address(settlement));
        distributor.fund(2, pair(rewardLeaf(ALICE, 5e18), rewardLeaf(BOB, 3e18)), 0);
        distributor.claimMany(claims());
        vm.assertEq(distributor.claimed(), 16e18);

        post(3, 6e18, 3e18);
        vm.assertEq(distributor.claim(ALICE, 6e18, proof(rewardLeaf(BOB, 3e18))), 1e18);
        vm.assertEq(io.balanceOf(address(distributor)), 0);
    }

    function test_postsARootWithWhatItAdds() external {
        vm.prank(ALICE);
        io.transfer(address(distributor), 2e18);
        vm.expectEmit(true, true, true, true, address(distributor));
        emit IRewardsDistributor.RootPosted(4, "root", 2e18, 2e18);
        vm.prank(address(settlement));
        distributor.fund(4, "root", 2e18);
        vm.assertEq(distributor.root(), "root");
    }

    function testFuzz_holdsWhatIsNotClaimed(uint256 alice, uint256 bob, bool aliceFirst) external {
        alice = bound(alice, 1, GENESIS / 2);
        bob = bound(bob, 1, GENESIS / 2);
        post(0, alice, bob);
        if (aliceFirst) distributor.claim(ALICE, alice, proof(rewardLeaf(BOB, bob)));
        else distributor.claim(BOB, bob, proof(rewardLeaf(ALICE, alice)));
        vm.assertEq(io.balanceOf(address(distributor)), distributor.funded() - distributor.claimed());
    }

    function testFuzz_paysTheAccountItselfUntilItSaysOtherwise(address account, address payout) external {
        vm.assertEq(distributor.payoutOf(account), account);
        vm.expectEmit(true, true, true, true, address(distributor));
        emit IRewardsDistributor.PayoutSet(account, payout == address(0) ? account : payout);
        vm.prank(account);
        distributor.setPayout(payout);
        vm.assertEq(distributor.payoutOf(account), payout == address(0) ? account : payout);
        vm.prank(account);
        distributor.setPayout(address(0));
        vm.assertEq(distributor.payoutOf(account), account);
    }
}
