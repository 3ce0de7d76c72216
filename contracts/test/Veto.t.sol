// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEscrow} from "../src/interfaces/IEscrow.sol";
import {IOracleRegistry, Signature} from "../src/interfaces/IOracleRegistry.sol";
import {EpochReport, EpochStatus, ISettlement} from "../src/interfaces/ISettlement.sol";
import {OracleDomain} from "../src/libraries/OracleDomain.sol";
import {Accusing} from "./support/Accusing.sol";
import {Economy} from "./support/Economy.sol";

/// @dev Of four members one may be faulty, so two are needed for a veto.
contract VetoTest is Economy, Accusing {
    uint40 private constant DISPUTE_SEC = 45;

    function setUp() external {
        deployEconomy(DISPUTE_SEC);
        rotate(GROUP_SECRET, 0);
        giveIosd(ALICE, 1000e18);
        deposit(ALICE, IO_ASSET, 1000e18);
        deposit(ALICE, IOSD_ASSET, 1000e18);
        endEpoch(0);
    }

    function reportOf(uint32 attempt) private view returns (EpochReport memory report) {
        report = paying(3e18, 2e18, 7e18, 5e18);
        report.attempt = attempt;
        report.validUntil = type(uint40).max;
        report.rewardRoot = rewardLeaf(BOB, 10e18);
        report.debitRoot = debitLeaf(ALICE, 7e18, 5e18);
    }

    function veto() private {
        settlement.veto(settlement.nextEpoch(), quorum(settlement.vetoDigest(), 0, 2));
    }

    function refusesVeto(uint64 epoch, Signature[] memory signatures, bytes memory reason) private {
        vm.expectRevert(reason);
        settlement.veto(epoch, signatures);
    }

    function refusesReport(EpochReport memory report, bytes memory reason) private {
        (address r, uint256 s) = signSchnorr(GROUP_SECRET, settlement.reportDigest(report));
        vm.expectRevert(reason);
        settlement.settle(report, r, s);
    }

    /// @dev Everything that an activation changes.
    function economyState() private view returns (bytes32) {
        bytes memory contracts = abi.encode(
            settlement.nextEpoch(),
            settlement.reserve(),
            emission.nextEpoch(),
            distributor.root(),
            distributor.funded(),
            escrow.debits(),
            escrow.openingOf(0),
            escrow.held(IO_ASSET),
            escrow.held(IOSD_ASSET)
        );
        bytes memory tokens = abi.encode(
            io.totalSupply(),
            iosd.totalSupply(),
            io.balanceOf(address(settlement)),
            io.balanceOf(address(distributor)),
            io.balanceOf(address(escrow)),
            iosd.balanceOf(address(escrow))
        );
        return keccak256(bytes.concat(contracts, tokens));
    }

    function test_aVetoedEpochIsSettledAgainWithAHigherAttempt() external {
        settle(reportOf(0));
        vm.expectEmit(true, true, true, true, address(settlement));
        emit ISettlement.EpochVetoed(0, 0);
        veto();
        vm.assertTrue(settlement.statusOf(0) == EpochStatus.Vetoed);
        vm.assertTrue(settlement.statusOf(1) == EpochStatus.None);
        (bool isStaged,,,) = settlement.staged();
        vm.assertFalse(isStaged);
        vm.assertEq(settlement.nextAttempt(), 1);

        refusesReport(reportOf(0), abi.encodeWithSelector(ISettlement.WrongAttempt.selector, 0, 1));
        EpochReport memory again = reportOf(1);
        settle(again);
        vm.assertTrue(settlement.statusOf(0) == EpochStatus.Staged);
        (, uint64 epoch, uint32 attempt,) = settlement.staged();
        vm.assertEq(epoch, 0);
        vm.assertEq(attempt, 1);
        vm.warp(vm.getBlockTimestamp() + DISPUTE_SEC);
        settlement.activate(again);
        vm.assertTrue(settlement.statusOf(0) == EpochStatus.Active);
        vm.assertEq(distributor.claim(BOB, 10e18, new bytes32[](0)), 10e18);
        // Each epoch has attempts of its own.
        vm.assertEq(settlement.nextAttempt(), 0);
    }

    /// @dev Invariant 20. No arithmetic, and a run settles, vetoes and settles again.
    /// forge-config: full.fuzz.runs = 256
    function testFuzz_aVetoedStageLeavesEverythingAsItWas(
        uint256 hired,
        uint256 availability,
        uint256 iosdSpent,
        uint256 ioSpent,
        uint32 attempt
    ) external {
        uint256 pool = settlement.nextPool().pool;
        hired = bound(hired, 0, pool * 7000 / 10_000);
        EpochReport memory report = paying(
            hired,
            bound(availability, 0, pool - hired),
            bound(iosdSpent, 0, 500e18),
            bound(ioSpent, 0, 500e18)
        );
        report.attempt = uint32(bound(attempt, 0, 1000));
        bytes32 before = economyState();
        settle(report);
        vm.assertEq(economyState(), before);
        veto();
        vm.assertEq(economyState(), before);
        vm.assertEq(settlement.nextAttempt(), report.attempt + 1);
    }

    function test_endsInTheSameStateAsWithoutAVeto() external {
        settle(reportOf(0));
        EpochReport memory report = reportOf(5);
        veto();
        settle(report);
        vm.warp(vm.getBlockTimestamp() + DISPUTE_SEC);
        settlement.activate(report);
        bytes32 vetoed = economyState();
        (uint256 reserve, uint256 supply) = (settlement.reserve(), io.totalSupply());

        deployEconomy(DISPUTE_SEC);
        rotate(GROUP_SECRET, 0);
        giveIosd(ALICE, 1000e18);
        deposit(ALICE, IO_ASSET, 1000e18);
        deposit(ALICE, IOSD_ASSET, 1000e18);
        endEpoch(0);
        report = reportOf(0);
        settle(report);
        vm.warp(vm.getBlockTimestamp() + DISPUTE_SEC);
        settlement.activate(report);
        vm.assertEq(settlement.reserve(), reserve);
        vm.assertEq(io.totalSupply(), supply);
        vm.assertEq(economyState(), vetoed);
    }

    function test_aVetoStopsAReportUntilItIsActive() external {
        EpochReport memory report = reportOf(0);
        settle(report);
        vm.warp(vm.getBlockTimestamp() + DISPUTE_SEC + 1);
        veto();
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NothingStaged.selector));
        settlement.activate(report);

        report = reportOf(1);
        settle(report);
        Signature[] memory two = quorum(settlement.vetoDigest(), 0, 2);
        vm.warp(vm.getBlockTimestamp() + DISPUTE_SEC);
        settlement.activate(report);
        refusesVeto(0, two, abi.encodeWithSelector(ISettlement.EpochOutOfOrder.selector, 0, 1));
        refusesVeto(1, two, abi.encodeWithSelector(ISettlement.NothingStaged.selector));
    }

    function test_isOfTwoMembersInForceAndNobodyElse() external {
        settle(reportOf(0));
        bytes32 digest = settlement.vetoDigest();
        refusesVeto(
            0, quorum(digest, 0, 1), abi.encodeWithSelector(IOracleRegistry.QuorumNotReached.selector, 1, 2)
        );
        // Persons 3 and 4: the second is no member.
        refusesVeto(
            0,
            quorum(digest, 3, 2),
            abi.encodeWithSelector(IOracleRegistry.NotActiveMember.selector, member(4).identity)
        );
        uint256[] memory same = new uint256[](2);
        same[0] = same[1] = memberSecret(1);
        refusesVeto(
            0,
            signAscending(same, digest),
            abi.encodeWithSelector(
                IOracleRegistry.SignersNotAscending.selector, 1, member(1).identity, member(1).identity
            )
        );
        accuse(1);
        refusesVeto(
            0,
            quorum(digest, 0, 2),
            abi.encodeWithSelector(IOracleRegistry.NotActiveMember.selector, member(1).identity)
        );
        settlement.veto(0, quorum(digest, 2, 2));
    }

    function test_theOthersMayJoinAVeto() external {
        settle(reportOf(0));
        settlement.veto(0, quorum(settlement.vetoDigest(), 0, 4));
        vm.assertTrue(settlement.statusOf(0) == EpochStatus.Vetoed);
    }

    /// @dev A veto names the report, so it stops neither another one nor the same one under another number.
    function test_aVetoCountsOnce() external {
        settle(reportOf(0));
        Signature[] memory two = quorum(settlement.vetoDigest(), 0, 2);
        settlement.veto(0, two);
        refusesVeto(0, two, abi.encodeWithSelector(ISettlement.NothingStaged.selector));
        settle(reportOf(1));
        vm.expectRevert();
        settlement.veto(0, two);
        refusesVeto(1, two, abi.encodeWithSelector(ISettlement.EpochOutOfOrder.selector, 1, 0));
        vm.assertTrue(settlement.statusOf(0) == EpochStatus.Staged);
    }

    function test_signsTheVetoInTheNetworksDomain() external {
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NothingStaged.selector));
        settlement.vetoDigest();
        settle(reportOf(7));
        (,,, bytes32 reportHash) = settlement.staged();
        bytes32 typeHash = keccak256("Veto(uint64 epoch,uint32 attempt,bytes32 reportHash)");
        bytes32 structHash = keccak256(abi.encode(typeHash, uint256(0), uint256(7), reportHash));
        vm.assertEq(settlement.vetoDigest(), OracleDomain.digest(registry.DOMAIN_SEPARATOR(), structHash));
    }

    /// @dev Who has the group key could otherwise leave no attempt for the right report.
    function test_noReportUsesUpTheAttemptsOfAnEpoch() external {
        refusesReport(reportOf(1001), abi.encodeWithSelector(ISettlement.AttemptTooHigh.selector, 1001, 1000));
        refusesReport(
            reportOf(type(uint32).max),
            abi.encodeWithSelector(ISettlement.AttemptTooHigh.selector, type(uint32).max, 1000)
        );
        settle(reportOf(1000));
        veto();
        refusesReport(reportOf(1000), abi.encodeWithSelector(ISettlement.WrongAttempt.selector, 1000, 1001));
        refusesReport(reportOf(2002), abi.encodeWithSelector(ISettlement.AttemptTooHigh.selector, 2002, 2001));
        settle(reportOf(2001));
    }

    function test_anEpochThatWasVetoedCanBeSettledEmpty() external {
        settle(reportOf(0));
        Signature[] memory three = quorum(settlement.emptyEpochDigest(0), 0, 3);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.AlreadyStaged.selector, 0));
        settlement.settleEmpty(0, three);
        veto();
        settlement.settleEmpty(0, three);
        vm.assertTrue(settlement.statusOf(0) == EpochStatus.Active);
        vm.assertEq(settlement.nextAttempt(), 0);
        vm.assertTrue(settlement.statusOf(1) == EpochStatus.None);
    }

    function test_nothingCanBeVetoedWhereThereIsNoTimeForIt() external {
        deployEconomy(0);
        rotate(GROUP_SECRET, 0);
        endEpoch(0);
        settle(emptyReport());
        refusesVeto(1, new Signature[](0), abi.encodeWithSelector(ISettlement.NothingStaged.selector));
    }

    /// @dev A report that takes what is not there can be staged, cannot become active, and stops nobody for long.
    function test_aReportThatCannotBecomeActiveIsVetoed() external {
        EpochReport memory report = paying(0, 0, 0, 400e18);
        settle(report);
        // As if withdrawals had left less.
        vm.prank(address(settlement));
        escrow.debit(0, 0, 0, 700e18);
        vm.warp(vm.getBlockTimestamp() + DISPUTE_SEC);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.DebitAboveHeld.selector, IO_ASSET, 400e18, 300e18));
        settlement.activate(report);
        veto();
        settlement.settleEmpty(0, quorum(settlement.emptyEpochDigest(0), 1, 3));
        vm.assertEq(settlement.nextEpoch(), 1);
    }
}
