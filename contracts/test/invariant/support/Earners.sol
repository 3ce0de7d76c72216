// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Report} from "../../../src/interfaces/IBurner.sol";
import {Claim, IRewardsDistributor} from "../../../src/interfaces/IRewardsDistributor.sol";
import {Signature} from "../../../src/interfaces/IOracleRegistry.sol";
import {Price} from "./Books.sol";
import {Prices} from "./Prices.sol";

/// @notice Who is paid: claims for oneself and for others, as IO and as IOSD, payout addresses, devices and models.
contract Earners is Prices {
    function claim(uint256 seed) external {
        address account = personOf(seed);
        uint256 due = earned[account] - paid[account];
        if (rewardRoot == 0) return;
        bytes memory data =
            abi.encodeCall(IRewardsDistributor.claim, (account, earned[account], rewardProof(account)));
        if (due == 0) {
            mustFail(anybody(seed), address(distributor), data, "invariant 08: a claim of nothing");
            did("claim refused");
            return;
        }
        address to = payout[account] == address(0) ? account : payout[account];
        uint256 before = io.balanceOf(to);
        mustSend(anybody(seed), address(distributor), data);
        require(io.balanceOf(to) == before + due, "invariant 08: a claim of another amount");
        noteClaim(account);
        did("claim");
        whilePaused("claim while paused");
    }

    function claimMany(uint256 seed) external {
        if (rewardRoot == 0) return;
        Claim[] memory claims = new Claim[](1 + seed % PEOPLE);
        uint256 due = 0;
        for (uint256 i = 0; i < claims.length; ++i) {
            address account = personOf((seed >> 8) + i);
            claims[i] = Claim(account, earned[account], rewardProof(account));
            due += earned[account] - paid[account];
        }
        bytes memory data = abi.encodeCall(IRewardsDistributor.claimMany, (claims));
        bytes memory result = mustSend(anybody(seed), address(distributor), data);
        require(abi.decode(result, (uint256)) == due, "invariant 08: claims of another amount");
        for (uint256 i = 0; i < claims.length; ++i) {
            noteClaim(claims[i].account);
        }
        if (due != 0) did("claim many");
    }

    /// @dev All of it or nothing, by the same guards and the same bucket as any burn.
    function claimAsIosd(uint256 seed) external {
        if (rewardRoot == 0 || groupSecret == 0) return;
        address account = personOf(seed);
        uint256 due = earned[account] - paid[account];
        // Whoever may burn all that is due, if there is anybody.
        for (uint256 i = 0; i < PEOPLE && (due == 0 || due > room()); ++i) {
            account = personOf(seed % 64 + i);
            due = earned[account] - paid[account];
        }
        Price memory at = nextPrice(seed);
        uint256 ema = lastRound == 0 ? at.price : emaAfter(at.observedAt);
        Report memory report = certified(at);
        uint256 out = (due * at.price) / 1e18;
        bool allowed = mayBurn(at, ema) && out != 0 && due <= room();
        bytes memory data = abi.encodeCall(
            IRewardsDistributor.claimAsIosd,
            (earned[account], rewardProof(account), out, vm.getBlockTimestamp(), report)
        );
        if (!allowed) {
            mustFail(account, address(distributor), data, "invariant 17: a claim outside of guard and bucket");
            did("claim as IOSD refused");
            return;
        }
        uint256 before = iosd.balanceOf(account);
        mustSend(account, address(distributor), data);
        require(iosd.balanceOf(account) == before + out, "invariant 04: another amount of IOSD");
        notePrice(at.price, at.confidence, at.observedAt, at.round);
        noteBurn(due, out);
        noteClaim(account);
        did("claim as IOSD");
    }

    function noteClaim(address account) private {
        claimed += earned[account] - paid[account];
        paid[account] = earned[account];
    }

    function setPayout(uint256 seed) external {
        address account = personOf(seed);
        address[3] memory choices = [address(0), personOf(seed >> 8), address(trap)];
        payout[account] = choices[roll(seed, "payout") % 3];
        vm.prank(account);
        distributor.setPayout(payout[account]);
        did("payout");
    }

    function registerDevice(uint256 seed) external {
        address account = personOf(seed);
        uint256 secret = uint256(keccak256(abi.encode("device", devices++)));
        address device = vm.addr(secret);
        Signature memory signature = compact(secret, workers.deviceDigest(account, device));
        bytes memory data = abi.encodeCall(workers.register, (device, signature));
        mustFail(hostiles[0], address(workers), data, "a device registered by a thief");
        mustSend(account, address(workers), data);
        require(workers.workerOf(device) == account, "a device of somebody else");
        did("device");
    }

    /// @dev A thief who sends the same first takes nothing: the id depends on the sender.
    function publishModel(uint256 seed) external {
        address owner = personOf(seed);
        bytes32 hash = keccak256(abi.encode("model", seed));
        bytes memory data = abi.encodeCall(models.register, (hash, bytes32(seed), uint16(seed % 5001)));
        bytes32 id = models.idOf(owner, hash, bytes32(seed));
        if (ownerOf[id] == address(0)) {
            vm.prank(hostiles[0]);
            (bool ok,) = address(models).call(data);
            ok;
            vm.prank(owner);
            (ok,) = address(models).call(data);
            require(ok, "a model could not be registered");
            modelIds.push(id);
            ownerOf[id] = owner;
        } else if (!isRetired[id]) {
            vm.prank(owner);
            models.newVersion(id, hash, uint16(seed % 5001));
        } else {
            return;
        }
        did("model");
    }

    function retireModel(uint256 seed) external {
        if (modelIds.length == 0 || seed % 4 != 0) return;
        bytes32 id = modelIds[seed % modelIds.length];
        if (isRetired[id]) return;
        vm.prank(ownerOf[id]);
        models.retire(id);
        isRetired[id] = true;
        did("model retired");
    }
}
